"""Compares both buckets, and publishes again what differs."""
