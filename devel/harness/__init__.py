"""What tests and benches share: apps of their own, an operator to start, faults to make, licenses to sign."""
