"""What surrounds the loop's steps: checks at the door, checkpoints, schedules, an optimizer."""
