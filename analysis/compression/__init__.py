"""The compression curve: one teacher, distilled into students of several sizes."""
