"""Sections of students: how they learn, predict and are exported."""
