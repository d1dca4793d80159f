"""What watches a cluster: Prometheus' configuration, alert rules and Grafana dashboards. Runs nothing itself."""
