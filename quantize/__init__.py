"""From a float checkpoint to ONNX and to int8 TFLite and ONNX files."""
