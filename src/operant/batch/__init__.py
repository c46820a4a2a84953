"""N environments in memory, stepped together. `batch.batch.Batch` is in the CPU's."""
