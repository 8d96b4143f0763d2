"""What a training run's log says about its health: one file a family of diagnoses, all pure functions of a case."""
