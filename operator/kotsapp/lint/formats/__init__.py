"""The forms in which CI systems read findings."""
