"""The stack of template.yaml on one machine: moto, AWS's Runtime Interface Emulator, and stand-ins for the rest."""
