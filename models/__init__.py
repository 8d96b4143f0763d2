"""What is learned: recurrent forecasters in torch, their training and their evaluation."""
