"""A verdict as a terminal table, HTML, Markdown, JUnit and JSON."""
