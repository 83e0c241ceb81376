"""What is needed to run manyi somewhere: container files, dashboards, example policies."""
