"""Speaks HTTP: request, one models operation, response. No SQL, no torch, no training."""
