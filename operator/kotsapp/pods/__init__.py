"""Pods that others make: the policy that routes their images in the API server, and the watch that learns of them."""
