"""The colours of arms."""

# Orange and blue are a person's right and left side. Of the others these are told apart with any colour vision.
# Source: Paul Tol, "Colour Schemes", SRON technical note, 2021, the muted scheme without indigo, cyan and sand.
ARM_COLOURS = ("#117733", "#CC6677", "#882255", "#44AA99", "#999933", "#AA4499")
