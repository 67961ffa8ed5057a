"""The clients that are measured, each behind the same few functions."""
