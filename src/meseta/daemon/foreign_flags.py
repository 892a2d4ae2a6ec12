"""Flags of Mesos that mean nothing here, yet. They are accepted with a warning, so that unit files work."""

from __future__ import annotations

FOREIGN_MASTER_FLAGS = """
    acls advertise_ip advertise_port
    authenticate_agents authenticate_frameworks
    authenticate_http_frameworks authenticate_http_readonly authenticate_http_readwrite
    authentication_v0_timeout authenticators authorizers credentials external_log_file
    firewall_rules hooks http_authenticators http_framework_authenticators
    initialize_driver_logging ip_discovery_command log_auto_initialize logbufsecs master_contender
    master_detector max_executors_per_agent memory_profiling modules modules_dir
    quorum rate_limits
    registry_strict webui_dir
""".split()

FOREIGN_AGENT_FLAGS = """
    acls advertise_ip advertise_port agent_features agent_subsystems allowed_devices
    appc_simple_discovery_uri_prefix appc_store_dir authenticate_http_executors
    authenticate_http_readonly authenticate_http_readwrite authenticatee
    authentication_backoff_factor authentication_timeout_max authentication_timeout_min authorizer
    bounding_capabilities cgroups_cpu_enable_pids_and_tids_count cgroups_destroy_timeout
    cgroups_hierarchy cgroups_limit_swap cgroups_net_cls_primary_handle
    cgroups_net_cls_secondary_handles check_agent_port_range_only container_disk_watch_interval
    container_logger container_ports_isolated_range container_ports_watch_interval containerizers
    credential csi_plugin_config_dir default_container_dns default_container_info
    default_container_shm_size disallow_sharing_agent_ipc_namespace
    disallow_sharing_agent_pid_namespace disk_profile_adaptor docker docker_config
    docker_ignore_runtime docker_kill_orphans docker_mesos_image docker_registry docker_remove_delay
    docker_socket docker_stop_timeout docker_store_dir docker_volume_checkpoint_dir
    docker_volume_chown domain_socket_location effective_capabilities egress_burst
    egress_ceil_limit egress_flow_classifier_parent egress_rate_limit_per_container
    egress_rate_per_cpu egress_unique_flow_per_container enforce_container_disk_quota
    enforce_container_ports ephemeral_ports_per_container eth0_name
    external_log_file fetcher_stall_timeout firewall_rules
    gc_non_executor_container_sandboxes hadoop_home hooks host_path_volume_force_creation
    http_authenticators http_command_executor http_credentials http_executor_domain_sockets
    http_heartbeat_interval image_gc_config image_providers image_provisioner_backend ingress_burst
    ingress_ceil_limit ingress_isolate_existing_containers ingress_rate_limit_per_container
    ingress_rate_per_cpu initialize_driver_logging ip6 ip6_discovery_command ip_discovery_command
    jwt_secret_key launcher lo_name logbufsecs master_detector maximum_egress_rate_limit
    maximum_ingress_rate_limit memory_profiling minimum_egress_rate_limit minimum_ingress_rate_limit
    modules modules_dir network_cni_config_dir network_cni_metrics network_cni_plugins_dir
    network_cni_root_dir_persist network_enable_rate_statistics network_enable_snmp_statistics
    network_enable_socket_statistics_details network_enable_socket_statistics_summary
    network_link_speed network_rate_statistics_interval network_rate_statistics_window
    nvidia_gpu_devices oversubscribed_resources_interval perf_duration perf_events perf_interval
    qos_controller qos_correction_interval_min resource_estimator
    resource_provider_config_dir revocable_cpu_low_priority sandbox_directory seccomp_config_dir
    seccomp_profile_name secret_resolver systemd_enable_support systemd_runtime_directory
    volume_gid_range xfs_kill_containers xfs_project_range xfs_quota_headroom
""".split()
