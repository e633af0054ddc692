"""A study's figures as a page, Markdown, tables and JSON, without torch."""
