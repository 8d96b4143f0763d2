"""How good a forecaster is: metrics, seasonal naives, backtests over held-out readings, tables and plots."""
