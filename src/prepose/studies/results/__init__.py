"""What a study's folder holds, read and reduced without torch."""
