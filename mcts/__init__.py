"""Those who look ahead before they choose."""
