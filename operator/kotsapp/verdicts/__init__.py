"""Which images are private, and where pods pull them from: the table of DESIGN 4, the evidence, the prober."""
