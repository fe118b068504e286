"""A full-int8 TFLite network and its front end as a small C99 project for microcontrollers."""
