"""The built-in comparison: its plan, its trainings, its figures and its page."""
