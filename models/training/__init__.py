"""How a forecaster learns: crops, loss, schedule, the loop and its checkpoints, and the folder that a run leaves."""
