"""What pgdeck costs, measured beside a reference in the same run: `make bench`.

Figures are ratios: machines are shared and noisy, so an absolute time says little. `performance goals` are in
`goals.py`, one line each.
"""
