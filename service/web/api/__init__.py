"""The API below /api/v1: JSON in, JSON out; nothing here decides."""
