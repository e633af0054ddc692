"""What the pages share: template, style, script, and the gallery of poses."""
