"""What users give: names, readers of files, and refusals in one line."""
