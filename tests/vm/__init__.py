"""Scenarios on a real kernel: a VM with a GPIO chip and a USB light, and an emulated Raspberry Pi.

Where ``BUILDLIGHT_RIG`` names the folder of the rig they run; elsewhere they are skipped.
"""
