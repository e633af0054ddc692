"""Where a person is seen from: `camera` (calibrated projection) and `crop` (image, crop and map-cell coordinates)."""
