"""The page: the report on what the viewer may see, live, beside the MLflow UI or on loopback."""
