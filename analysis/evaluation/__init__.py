"""Evaluations: label sets and boxes, judged side by side on the same images."""
