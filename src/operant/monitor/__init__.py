"""Recording a run while it trains, and watching it from another process."""
