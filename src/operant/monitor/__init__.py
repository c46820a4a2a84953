"""Records a run during training, and shows it in another process."""
