"""Training: `accelerate launch train.py METHOD ...`. One loop (trainer.py), one file a method."""
