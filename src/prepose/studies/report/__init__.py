"""A study's analysis as a page, Markdown, tables and JSON, without torch."""
