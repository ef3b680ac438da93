"""GitOps for Hugging Face datasets, as a Dagster data platform."""
