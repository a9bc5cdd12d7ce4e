"""What every connection of the project shares: how certificates are verified, and which way out it takes."""
