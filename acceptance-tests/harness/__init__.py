"""Runs the real terraform and OpenTofu against our provider and a Kubernetes API."""
