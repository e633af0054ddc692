"""The colours of arms."""

# Colours that people with any colour vision tell apart. Source: Okabe and Ito, "Color Universal Design", 2008.
ARM_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
