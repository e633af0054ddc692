"""How far a mean or a difference may be off, and what compute it is worth; plain arrays, without torch."""
