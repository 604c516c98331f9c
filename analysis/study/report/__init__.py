"""The report of a study: figures, tables, pictures and sentences in one HTML file."""
