"""What a vendor ships, and what becomes of it: the Config's values, template calls filled in, charts rendered."""
