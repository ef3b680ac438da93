"""What exists: how far each dataset is, and what people asked for."""
