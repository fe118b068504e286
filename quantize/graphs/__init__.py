"""ONNX and TFLite files as graphs, and what they cost."""
