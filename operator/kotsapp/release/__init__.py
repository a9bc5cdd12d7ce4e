"""What a vendor ships, and what becomes of it: archives, KOTS documents, template calls, charts."""
