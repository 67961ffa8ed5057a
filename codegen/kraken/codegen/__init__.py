"""Turns the specs into code: load, check, represent, render, write."""
