/**
 * What Kubernetes' Go types say and its protobuf descriptors do not.
 *
 * The source of each fact is upstream: struct tags (`patchStrategy`, `patchMergeKey`, `json:",inline"`), Go pointers,
 * and the markers that end up in its OpenAPI documents (`required`, `x-kubernetes-list-type`). The generator refuses a
 * fact about a type or field that does not exist.
 */

/** Kinds of one group version by what they are, names separated by spaces. */
export interface Kinds {
  /** Stored, within a namespace. */
  namespaced?: string;
  /** Stored, outside namespaces. */
  cluster?: string;
  /** Posted to make something happen, with metadata that names the target; never stored. */
  request?: string;
  /** Options and answers that every group version shares; without object metadata. */
  options?: string;
  /** Derived: the list of a kind. */
  list?: string;
}

/** Facts about the fields of one type: field names separated by spaces, some with an argument after a colon. */
export interface TypeFacts {
  /**
   * Go pointers to scalars and to IntOrString, and fields that are written without `omitempty` though
   * nothing requires them: a zero value on the wire was meant and must survive.
   */
  pointer?: string;
  /** Messages in protobuf whose fields belong to the parent in JSON. */
  inline?: string;
  required?: string;
  /** Lists that a strategic merge patch merges: `field:key` by that key, a bare `field` as a set of scalars. */
  merge?: string;
  /** Objects (or elements of merged lists) of which a patch may name the keys to keep. */
  retainKeys?: string;
  /** Objects that a strategic merge patch replaces. */
  replace?: string;
  /** What server-side apply does where `merge` does not imply it: `field:key+key`, `field:set`, `field:atomic`. */
  apply?: string;
  /** Fields that protobuf calls otherwise: `protobufName:jsonName`. */
  rename?: string;
}

/** The group on the wire for the first part of a type name. */
export const groups: Readonly<Record<string, string>> = {
  core: '',
  apps: 'apps',
  autoscaling: 'autoscaling',
  batch: 'batch',
  coordination: 'coordination.k8s.io',
  discovery: 'discovery.k8s.io',
  events: 'events.k8s.io',
  policy: 'policy',
  rbac: 'rbac.authorization.k8s.io',
  storage: 'storage.k8s.io',
  networking: 'networking.k8s.io',
  node: 'node.k8s.io',
  scheduling: 'scheduling.k8s.io',
  authentication: 'authentication.k8s.io',
  authorization: 'authorization.k8s.io',
  admissionregistration: 'admissionregistration.k8s.io',
  certificates: 'certificates.k8s.io',
  extensions: 'extensions',
  meta: 'meta.k8s.io',
};

/**
 * The kinds kept, by group version. The order decides names in TypeScript: the first type of a name gets it, later ones
 * carry their group or version (`Event`, `EventsV1Event`).
 */
export const kinds: Readonly<Record<string, Kinds>> = {
  'core.v1': {
    namespaced:
      'ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount',
    cluster: 'ComponentStatus Namespace Node PersistentVolume',
    request: 'Binding',
  },
  'apps.v1': { namespaced: 'ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet' },
  'autoscaling.v2': { namespaced: 'HorizontalPodAutoscaler' },
  'batch.v1': { namespaced: 'CronJob Job' },
  'coordination.v1': { namespaced: 'Lease' },
  'discovery.v1': { namespaced: 'EndpointSlice' },
  'events.v1': { namespaced: 'Event' },
  'policy.v1': { namespaced: 'PodDisruptionBudget', request: 'Eviction' },
  'rbac.v1': { namespaced: 'Role RoleBinding', cluster: 'ClusterRole ClusterRoleBinding' },
  'storage.v1': {
    namespaced: 'CSIStorageCapacity',
    cluster: 'CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass',
  },
  'networking.v1': {
    namespaced: 'Ingress NetworkPolicy',
    cluster: 'IPAddress IngressClass ServiceCIDR',
  },
  'node.v1': { cluster: 'RuntimeClass' },
  'scheduling.v1': { cluster: 'PriorityClass' },
  'authentication.v1': { request: 'SelfSubjectReview TokenRequest TokenReview' },
  'authorization.v1': {
    request: 'LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview',
  },
  'admissionregistration.v1': {
    cluster:
      'MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration',
  },
  'certificates.v1': { cluster: 'CertificateSigningRequest' },
  'autoscaling.v1': { namespaced: 'HorizontalPodAutoscaler Scale' },
  'extensions.v1beta1': { namespaced: 'Deployment ReplicaSet' },
  'meta.v1': { options: 'CreateOptions DeleteOptions PatchOptions Status UpdateOptions' },
};

/** Objects that server-side apply owns as a whole (`x-kubernetes-map-type: atomic`). */
export const atomicTypes: Readonly<Record<string, string>> = {
  'core.v1':
    'ConfigMapKeySelector EndpointAddress EndpointPort FileKeySelector LocalObjectReference NodeSelector NodeSelectorTerm ObjectFieldSelector ObjectReference ResourceFieldSelector ScopeSelector SecretKeySelector SecretReference TopologySelectorTerm TypedLocalObjectReference',
  'discovery.v1': 'EndpointPort',
  'rbac.v1': 'RoleRef Subject',
  'networking.v1': 'ServiceBackendPort',
  'admissionregistration.v1': 'MatchResources NamedRuleWithOperations ParamKind ParamRef Variable',
  'autoscaling.v1': 'CrossVersionObjectReference',
  'meta.v1': 'LabelSelector OwnerReference',
};

export const types: Readonly<Record<string, TypeFacts>> = {
  'core.v1.AWSElasticBlockStoreVolumeSource': { required: 'volumeID' },
  'core.v1.AppArmorProfile': { pointer: 'localhostProfile', required: 'type' },
  'core.v1.AttachedVolume': { required: 'devicePath name' },
  'core.v1.AzureDiskVolumeSource': {
    pointer: 'cachingMode fsType kind readOnly',
    required: 'diskName diskURI',
  },
  'core.v1.AzureFilePersistentVolumeSource': {
    pointer: 'secretNamespace',
    required: 'secretName shareName',
  },
  'core.v1.AzureFileVolumeSource': { required: 'secretName shareName' },
  'core.v1.Binding': { required: 'target' },
  'core.v1.CSIPersistentVolumeSource': { required: 'driver volumeHandle' },
  'core.v1.CSIVolumeSource': { pointer: 'fsType readOnly', required: 'driver' },
  'core.v1.CephFSPersistentVolumeSource': { required: 'monitors' },
  'core.v1.CephFSVolumeSource': { required: 'monitors' },
  'core.v1.CinderPersistentVolumeSource': { required: 'volumeID' },
  'core.v1.CinderVolumeSource': { required: 'volumeID' },
  'core.v1.ClientIPConfig': { pointer: 'timeoutSeconds' },
  'core.v1.ClusterTrustBundleProjection': { pointer: 'name optional signerName', required: 'path' },
  'core.v1.ComponentCondition': { required: 'status type' },
  'core.v1.ComponentStatus': { merge: 'conditions:type' },
  'core.v1.ComponentStatusList': { required: 'items' },
  'core.v1.ConfigMap': { pointer: 'immutable' },
  'core.v1.ConfigMapEnvSource': { pointer: 'optional', inline: 'localObjectReference' },
  'core.v1.ConfigMapKeySelector': {
    pointer: 'optional',
    inline: 'localObjectReference',
    required: 'key',
  },
  'core.v1.ConfigMapList': { required: 'items' },
  'core.v1.ConfigMapNodeConfigSource': { required: 'kubeletConfigKey name namespace' },
  'core.v1.ConfigMapProjection': { pointer: 'optional', inline: 'localObjectReference' },
  'core.v1.ConfigMapVolumeSource': {
    pointer: 'defaultMode optional',
    inline: 'localObjectReference',
  },
  'core.v1.Container': {
    pointer: 'restartPolicy',
    required: 'name',
    merge: 'env:name ports:containerPort volumeDevices:devicePath volumeMounts:mountPath',
    apply: 'ports:containerPort+protocol',
  },
  'core.v1.ContainerExtendedResourceRequest': {
    required: 'containerName requestName resourceName',
  },
  'core.v1.ContainerPort': { required: 'containerPort' },
  'core.v1.ContainerResizePolicy': { required: 'resourceName restartPolicy' },
  'core.v1.ContainerRestartRule': { required: 'action' },
  'core.v1.ContainerRestartRuleOnExitCodes': { required: 'operator', apply: 'values:set' },
  'core.v1.ContainerStateTerminated': { required: 'exitCode' },
  'core.v1.ContainerStatus': {
    pointer: 'started stopSignal',
    required: 'image imageID name ready restartCount',
    merge: 'allocatedResourcesStatus:name volumeMounts:mountPath',
  },
  'core.v1.DaemonEndpoint': { required: 'Port' },
  'core.v1.DownwardAPIVolumeFile': { pointer: 'mode', required: 'path' },
  'core.v1.DownwardAPIVolumeSource': { pointer: 'defaultMode' },
  'core.v1.EndpointAddress': { pointer: 'nodeName', required: 'ip' },
  'core.v1.EndpointPort': { pointer: 'appProtocol', required: 'port' },
  'core.v1.EndpointsList': { required: 'items' },
  'core.v1.EnvVar': { required: 'name' },
  'core.v1.EphemeralContainer': { inline: 'ephemeralContainerCommon' },
  'core.v1.EphemeralContainerCommon': {
    pointer: 'restartPolicy',
    required: 'name',
    merge: 'env:name ports:containerPort volumeDevices:devicePath volumeMounts:mountPath',
    apply: 'ports:containerPort+protocol',
  },
  'core.v1.Event': { required: 'involvedObject metadata' },
  'core.v1.EventList': { required: 'items' },
  'core.v1.FCVolumeSource': { pointer: 'lun' },
  'core.v1.FileKeySelector': { pointer: 'optional', required: 'key path volumeName' },
  'core.v1.FlexPersistentVolumeSource': { required: 'driver' },
  'core.v1.FlexVolumeSource': { required: 'driver' },
  'core.v1.GCEPersistentDiskVolumeSource': { required: 'pdName' },
  'core.v1.GRPCAction': { pointer: 'service', required: 'port' },
  'core.v1.GitRepoVolumeSource': { required: 'repository' },
  'core.v1.GlusterfsPersistentVolumeSource': {
    pointer: 'endpointsNamespace',
    required: 'endpoints path',
  },
  'core.v1.GlusterfsVolumeSource': { required: 'endpoints path' },
  'core.v1.HTTPGetAction': { required: 'port' },
  'core.v1.HTTPHeader': { required: 'name value' },
  'core.v1.HostAlias': { required: 'ip' },
  'core.v1.HostIP': { required: 'ip' },
  'core.v1.HostPathVolumeSource': { pointer: 'type', required: 'path' },
  'core.v1.ISCSIPersistentVolumeSource': {
    pointer: 'initiatorName',
    required: 'iqn lun targetPortal',
  },
  'core.v1.ISCSIVolumeSource': { pointer: 'initiatorName', required: 'iqn lun targetPortal' },
  'core.v1.KeyToPath': { pointer: 'mode', required: 'key path' },
  'core.v1.Lifecycle': { pointer: 'stopSignal' },
  'core.v1.LimitRangeItem': { required: 'type' },
  'core.v1.LimitRangeList': { required: 'items' },
  'core.v1.LimitRangeSpec': { required: 'limits' },
  'core.v1.LinuxContainerUser': { required: 'gid uid' },
  'core.v1.LoadBalancerIngress': { pointer: 'ipMode' },
  'core.v1.LocalVolumeSource': { pointer: 'fsType', required: 'path' },
  'core.v1.ModifyVolumeStatus': { required: 'status' },
  'core.v1.NFSVolumeSource': { required: 'path server' },
  'core.v1.NamespaceCondition': { required: 'status type' },
  'core.v1.NamespaceList': { required: 'items' },
  'core.v1.NamespaceStatus': { merge: 'conditions:type' },
  'core.v1.NodeAddress': { required: 'address type' },
  'core.v1.NodeCondition': { required: 'status type' },
  'core.v1.NodeFeatures': { pointer: 'supplementalGroupsPolicy' },
  'core.v1.NodeList': { required: 'items' },
  'core.v1.NodeRuntimeHandlerFeatures': { pointer: 'recursiveReadOnlyMounts userNamespaces' },
  'core.v1.NodeSelector': { required: 'nodeSelectorTerms' },
  'core.v1.NodeSelectorRequirement': { required: 'key operator' },
  'core.v1.NodeSpec': { merge: 'podCIDRs' },
  'core.v1.NodeStatus': { merge: 'addresses:type conditions:type' },
  'core.v1.NodeSwapStatus': { pointer: 'capacity' },
  'core.v1.NodeSystemInfo': {
    required:
      'architecture bootID containerRuntimeVersion kernelVersion kubeProxyVersion kubeletVersion machineID operatingSystem osImage systemUUID',
  },
  'core.v1.ObjectFieldSelector': { required: 'fieldPath' },
  'core.v1.PersistentVolumeClaimCondition': { required: 'status type' },
  'core.v1.PersistentVolumeClaimList': { required: 'items' },
  'core.v1.PersistentVolumeClaimSpec': {
    pointer: 'storageClassName volumeAttributesClassName volumeMode',
  },
  'core.v1.PersistentVolumeClaimStatus': {
    pointer: 'currentVolumeAttributesClassName',
    merge: 'conditions:type',
  },
  'core.v1.PersistentVolumeClaimTemplate': { required: 'spec' },
  'core.v1.PersistentVolumeClaimVolumeSource': { required: 'claimName' },
  'core.v1.PersistentVolumeList': { required: 'items' },
  'core.v1.PersistentVolumeSpec': {
    pointer: 'volumeAttributesClassName volumeMode',
    inline: 'persistentVolumeSource',
  },
  'core.v1.PhotonPersistentDiskVolumeSource': { required: 'pdID' },
  'core.v1.PodAffinityTerm': { required: 'topologyKey' },
  'core.v1.PodCertificateProjection': {
    pointer: 'maxExpirationSeconds',
    required: 'keyType signerName',
  },
  'core.v1.PodCondition': { required: 'status type' },
  'core.v1.PodDNSConfigOption': { pointer: 'value' },
  'core.v1.PodExtendedResourceClaimStatus': { required: 'requestMappings resourceClaimName' },
  'core.v1.PodIP': { required: 'ip' },
  'core.v1.PodList': { required: 'items' },
  'core.v1.PodOS': { required: 'name' },
  'core.v1.PodReadinessGate': { required: 'conditionType' },
  'core.v1.PodResourceClaim': {
    pointer: 'resourceClaimName resourceClaimTemplateName',
    required: 'name',
  },
  'core.v1.PodResourceClaimStatus': { pointer: 'resourceClaimName', required: 'name' },
  'core.v1.PodSchedulingGate': { required: 'name' },
  'core.v1.PodSecurityContext': {
    pointer:
      'fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxChangePolicy supplementalGroupsPolicy',
  },
  'core.v1.PodSpec': {
    pointer:
      'activeDeadlineSeconds automountServiceAccountToken enableServiceLinks hostUsers hostnameOverride preemptionPolicy priority runtimeClassName setHostnameAsFQDN shareProcessNamespace terminationGracePeriodSeconds',
    required: 'containers',
    merge:
      'containers:name ephemeralContainers:name hostAliases:ip imagePullSecrets:name initContainers:name resourceClaims:name schedulingGates:name topologySpreadConstraints:topologyKey volumes:name',
    retainKeys: 'resourceClaims volumes',
    apply: 'nodeSelector:atomic topologySpreadConstraints:topologyKey+whenUnsatisfiable',
  },
  'core.v1.PodStatus': {
    merge: 'conditions:type hostIPs:ip podIPs:ip resourceClaimStatuses:name',
    retainKeys: 'resourceClaimStatuses',
    apply: 'hostIPs:atomic',
  },
  'core.v1.PodTemplateList': { required: 'items' },
  'core.v1.PortStatus': { pointer: 'error', required: 'port protocol' },
  'core.v1.PortworxVolumeSource': { required: 'volumeID' },
  'core.v1.PreferredSchedulingTerm': { required: 'preference weight' },
  'core.v1.Probe': { pointer: 'terminationGracePeriodSeconds', inline: 'handler' },
  'core.v1.ProjectedVolumeSource': { pointer: 'defaultMode' },
  'core.v1.QuobyteVolumeSource': { required: 'registry volume' },
  'core.v1.RBDPersistentVolumeSource': { required: 'image monitors' },
  'core.v1.RBDVolumeSource': { required: 'image monitors' },
  'core.v1.ReplicationControllerCondition': { required: 'status type' },
  'core.v1.ReplicationControllerList': { required: 'items' },
  'core.v1.ReplicationControllerSpec': { pointer: 'replicas', apply: 'selector:atomic' },
  'core.v1.ReplicationControllerStatus': { required: 'replicas', merge: 'conditions:type' },
  'core.v1.ResourceClaim': { required: 'name' },
  'core.v1.ResourceFieldSelector': { required: 'resource' },
  'core.v1.ResourceHealth': { required: 'resourceID' },
  'core.v1.ResourceQuotaList': { required: 'items' },
  'core.v1.ResourceRequirements': { apply: 'claims:name' },
  'core.v1.ResourceStatus': { required: 'name', apply: 'resources:resourceID' },
  'core.v1.ScaleIOPersistentVolumeSource': { required: 'gateway secretRef system' },
  'core.v1.ScaleIOVolumeSource': { required: 'gateway secretRef system' },
  'core.v1.ScopedResourceSelectorRequirement': { required: 'operator scopeName' },
  'core.v1.SeccompProfile': { pointer: 'localhostProfile', required: 'type' },
  'core.v1.Secret': { pointer: 'immutable' },
  'core.v1.SecretEnvSource': { pointer: 'optional', inline: 'localObjectReference' },
  'core.v1.SecretKeySelector': {
    pointer: 'optional',
    inline: 'localObjectReference',
    required: 'key',
  },
  'core.v1.SecretList': { required: 'items' },
  'core.v1.SecretProjection': { pointer: 'optional', inline: 'localObjectReference' },
  'core.v1.SecretVolumeSource': { pointer: 'defaultMode optional' },
  'core.v1.SecurityContext': {
    pointer:
      'allowPrivilegeEscalation privileged procMount readOnlyRootFilesystem runAsGroup runAsNonRoot runAsUser',
  },
  'core.v1.ServiceAccount': { pointer: 'automountServiceAccountToken', merge: 'secrets:name' },
  'core.v1.ServiceAccountList': { required: 'items' },
  'core.v1.ServiceAccountTokenProjection': { pointer: 'expirationSeconds', required: 'path' },
  'core.v1.ServiceList': { required: 'items' },
  'core.v1.ServicePort': { pointer: 'appProtocol', required: 'port' },
  'core.v1.ServiceSpec': {
    pointer:
      'allocateLoadBalancerNodePorts internalTrafficPolicy ipFamilyPolicy loadBalancerClass trafficDistribution',
    merge: 'ports:port',
    apply: 'ports:port+protocol selector:atomic',
  },
  'core.v1.ServiceStatus': { merge: 'conditions:type' },
  'core.v1.SleepAction': { required: 'seconds' },
  'core.v1.Sysctl': { required: 'name value' },
  'core.v1.TCPSocketAction': { required: 'port' },
  'core.v1.Taint': { required: 'effect key' },
  'core.v1.Toleration': { pointer: 'tolerationSeconds' },
  'core.v1.TopologySelectorLabelRequirement': { required: 'key values' },
  'core.v1.TopologySpreadConstraint': {
    pointer: 'minDomains nodeAffinityPolicy nodeTaintsPolicy',
    required: 'maxSkew topologyKey whenUnsatisfiable',
  },
  'core.v1.TypedLocalObjectReference': { pointer: 'apiGroup', required: 'kind name' },
  'core.v1.TypedObjectReference': { pointer: 'apiGroup namespace', required: 'kind name' },
  'core.v1.Volume': { inline: 'volumeSource', required: 'name' },
  'core.v1.VolumeDevice': { required: 'devicePath name' },
  'core.v1.VolumeMount': {
    pointer: 'mountPropagation recursiveReadOnly',
    required: 'mountPath name',
  },
  'core.v1.VolumeMountStatus': { pointer: 'recursiveReadOnly', required: 'mountPath name' },
  'core.v1.VsphereVirtualDiskVolumeSource': { required: 'volumePath' },
  'core.v1.WeightedPodAffinityTerm': { required: 'podAffinityTerm weight' },
  'core.v1.WindowsSecurityContextOptions': {
    pointer: 'gmsaCredentialSpec gmsaCredentialSpecName hostProcess runAsUserName',
  },
  'apps.v1.ControllerRevision': { required: 'revision' },
  'apps.v1.ControllerRevisionList': { required: 'items' },
  'apps.v1.DaemonSetCondition': { required: 'status type' },
  'apps.v1.DaemonSetList': { required: 'items' },
  'apps.v1.DaemonSetSpec': { pointer: 'revisionHistoryLimit', required: 'selector template' },
  'apps.v1.DaemonSetStatus': {
    pointer: 'collisionCount',
    required: 'currentNumberScheduled desiredNumberScheduled numberMisscheduled numberReady',
    merge: 'conditions:type',
  },
  'apps.v1.DeploymentCondition': { required: 'status type' },
  'apps.v1.DeploymentList': { required: 'items' },
  'apps.v1.DeploymentSpec': {
    pointer: 'progressDeadlineSeconds replicas revisionHistoryLimit',
    required: 'selector template',
    retainKeys: 'strategy',
  },
  'apps.v1.DeploymentStatus': {
    pointer: 'collisionCount terminatingReplicas',
    merge: 'conditions:type',
  },
  'apps.v1.ReplicaSetCondition': { required: 'status type' },
  'apps.v1.ReplicaSetList': { required: 'items' },
  'apps.v1.ReplicaSetSpec': { pointer: 'replicas', required: 'selector' },
  'apps.v1.ReplicaSetStatus': {
    pointer: 'terminatingReplicas',
    required: 'replicas',
    merge: 'conditions:type',
  },
  'apps.v1.RollingUpdateDaemonSet': { pointer: 'maxSurge maxUnavailable' },
  'apps.v1.RollingUpdateDeployment': { pointer: 'maxSurge maxUnavailable' },
  'apps.v1.RollingUpdateStatefulSetStrategy': { pointer: 'maxUnavailable partition' },
  'apps.v1.StatefulSetCondition': { required: 'status type' },
  'apps.v1.StatefulSetList': { required: 'items' },
  'apps.v1.StatefulSetSpec': {
    pointer: 'replicas revisionHistoryLimit',
    required: 'selector template',
  },
  'apps.v1.StatefulSetStatus': {
    pointer: 'availableReplicas collisionCount',
    required: 'replicas',
    merge: 'conditions:type',
  },
  'autoscaling.v2.ContainerResourceMetricSource': { required: 'container name target' },
  'autoscaling.v2.ContainerResourceMetricStatus': { required: 'container current name' },
  'autoscaling.v2.CrossVersionObjectReference': { required: 'kind name' },
  'autoscaling.v2.ExternalMetricSource': { required: 'metric target' },
  'autoscaling.v2.ExternalMetricStatus': { required: 'current metric' },
  'autoscaling.v2.HPAScalingPolicy': { required: 'periodSeconds type value' },
  'autoscaling.v2.HPAScalingRules': { pointer: 'selectPolicy stabilizationWindowSeconds' },
  'autoscaling.v2.HorizontalPodAutoscaler': { required: 'spec' },
  'autoscaling.v2.HorizontalPodAutoscalerCondition': { required: 'status type' },
  'autoscaling.v2.HorizontalPodAutoscalerList': { required: 'items' },
  'autoscaling.v2.HorizontalPodAutoscalerSpec': {
    pointer: 'minReplicas',
    required: 'maxReplicas scaleTargetRef',
  },
  'autoscaling.v2.HorizontalPodAutoscalerStatus': {
    pointer: 'observedGeneration',
    required: 'desiredReplicas',
    merge: 'conditions:type',
  },
  'autoscaling.v2.MetricIdentifier': { required: 'name' },
  'autoscaling.v2.MetricSpec': { required: 'type' },
  'autoscaling.v2.MetricStatus': { required: 'type' },
  'autoscaling.v2.MetricTarget': { pointer: 'averageUtilization', required: 'type' },
  'autoscaling.v2.MetricValueStatus': { pointer: 'averageUtilization' },
  'autoscaling.v2.ObjectMetricSource': { required: 'describedObject metric target' },
  'autoscaling.v2.ObjectMetricStatus': { required: 'current describedObject metric' },
  'autoscaling.v2.PodsMetricSource': { required: 'metric target' },
  'autoscaling.v2.PodsMetricStatus': { required: 'current metric' },
  'autoscaling.v2.ResourceMetricSource': { required: 'name target' },
  'autoscaling.v2.ResourceMetricStatus': { required: 'current name' },
  'batch.v1.CronJob': { required: 'spec' },
  'batch.v1.CronJobList': { required: 'items' },
  'batch.v1.CronJobSpec': {
    pointer: 'failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit suspend timeZone',
    required: 'jobTemplate schedule',
  },
  'batch.v1.JobCondition': { required: 'status type' },
  'batch.v1.JobList': { required: 'items' },
  'batch.v1.JobSpec': {
    pointer:
      'activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode completions managedBy manualSelector maxFailedIndexes parallelism podReplacementPolicy suspend ttlSecondsAfterFinished',
    required: 'template',
  },
  'batch.v1.JobStatus': {
    pointer: 'failedIndexes ready terminating',
    merge: 'conditions:type',
    apply: 'conditions:atomic',
  },
  'batch.v1.PodFailurePolicy': { required: 'rules' },
  'batch.v1.PodFailurePolicyOnExitCodesRequirement': {
    pointer: 'containerName',
    required: 'operator values',
    apply: 'values:set',
  },
  'batch.v1.PodFailurePolicyOnPodConditionsPattern': { required: 'type' },
  'batch.v1.PodFailurePolicyRule': { required: 'action' },
  'batch.v1.SuccessPolicy': { required: 'rules' },
  'batch.v1.SuccessPolicyRule': { pointer: 'succeededCount succeededIndexes' },
  'batch.v1.UncountedTerminatedPods': { apply: 'failed:set succeeded:set' },
  'coordination.v1.LeaseList': { required: 'items' },
  'coordination.v1.LeaseSpec': {
    pointer: 'holderIdentity leaseDurationSeconds leaseTransitions preferredHolder strategy',
  },
  'discovery.v1.Endpoint': {
    pointer: 'hostname nodeName zone',
    required: 'addresses',
    apply: 'addresses:set',
  },
  'discovery.v1.EndpointConditions': { pointer: 'ready serving terminating' },
  'discovery.v1.EndpointPort': { pointer: 'appProtocol name port protocol' },
  'discovery.v1.EndpointSlice': { required: 'addressType' },
  'discovery.v1.EndpointSliceList': { required: 'items' },
  'discovery.v1.ForNode': { required: 'name' },
  'discovery.v1.ForZone': { required: 'name' },
  'events.v1.Event': { required: 'eventTime' },
  'events.v1.EventList': { required: 'items' },
  'events.v1.EventSeries': { required: 'count lastObservedTime' },
  'policy.v1.PodDisruptionBudgetList': { required: 'items' },
  'policy.v1.PodDisruptionBudgetSpec': {
    pointer: 'maxUnavailable minAvailable unhealthyPodEvictionPolicy',
    replace: 'selector',
  },
  'policy.v1.PodDisruptionBudgetStatus': {
    required: 'currentHealthy desiredHealthy disruptionsAllowed expectedPods',
    merge: 'conditions:type',
  },
  'rbac.v1.ClusterRoleBinding': { required: 'roleRef' },
  'rbac.v1.ClusterRoleBindingList': { required: 'items' },
  'rbac.v1.ClusterRoleList': { required: 'items' },
  'rbac.v1.PolicyRule': { required: 'verbs' },
  'rbac.v1.RoleBinding': { required: 'roleRef' },
  'rbac.v1.RoleBindingList': { required: 'items' },
  'rbac.v1.RoleList': { required: 'items' },
  'rbac.v1.RoleRef': { required: 'kind name' },
  'rbac.v1.Subject': { required: 'kind name' },
  'storage.v1.CSIDriver': { required: 'spec' },
  'storage.v1.CSIDriverList': { required: 'items' },
  'storage.v1.CSIDriverSpec': {
    pointer:
      'attachRequired fsGroupPolicy nodeAllocatableUpdatePeriodSeconds podInfoOnMount requiresRepublish seLinuxMount storageCapacity',
    apply: 'volumeLifecycleModes:set',
  },
  'storage.v1.CSINode': { required: 'spec' },
  'storage.v1.CSINodeDriver': { required: 'name nodeID' },
  'storage.v1.CSINodeList': { required: 'items' },
  'storage.v1.CSINodeSpec': { required: 'drivers', merge: 'drivers:name' },
  'storage.v1.CSIStorageCapacity': { required: 'storageClassName' },
  'storage.v1.CSIStorageCapacityList': { required: 'items' },
  'storage.v1.StorageClass': {
    pointer: 'allowVolumeExpansion reclaimPolicy volumeBindingMode',
    required: 'provisioner',
  },
  'storage.v1.StorageClassList': { required: 'items' },
  'storage.v1.TokenRequest': { pointer: 'expirationSeconds', required: 'audience' },
  'storage.v1.VolumeAttachment': { required: 'spec' },
  'storage.v1.VolumeAttachmentList': { required: 'items' },
  'storage.v1.VolumeAttachmentSource': { pointer: 'persistentVolumeName' },
  'storage.v1.VolumeAttachmentSpec': { required: 'attacher nodeName source' },
  'storage.v1.VolumeAttachmentStatus': { required: 'attached' },
  'storage.v1.VolumeAttributesClass': { required: 'driverName' },
  'storage.v1.VolumeAttributesClassList': { required: 'items' },
  'storage.v1.VolumeError': { pointer: 'errorCode' },
  'storage.v1.VolumeNodeResources': { pointer: 'count' },
  'networking.v1.HTTPIngressPath': { pointer: 'pathType', required: 'backend pathType' },
  'networking.v1.HTTPIngressRuleValue': { required: 'paths' },
  'networking.v1.IPAddress': { required: 'spec' },
  'networking.v1.IPAddressList': { required: 'items' },
  'networking.v1.IPAddressSpec': { required: 'parentRef' },
  'networking.v1.IPBlock': { required: 'cidr' },
  'networking.v1.IngressClassList': { required: 'items' },
  'networking.v1.IngressClassParametersReference': {
    pointer: 'apiGroup namespace scope',
    required: 'kind name',
    rename: 'aPIGroup:apiGroup',
  },
  'networking.v1.IngressList': { required: 'items' },
  'networking.v1.IngressPortStatus': { pointer: 'error', required: 'port protocol' },
  'networking.v1.IngressRule': { inline: 'ingressRuleValue' },
  'networking.v1.IngressServiceBackend': { required: 'name' },
  'networking.v1.IngressSpec': { pointer: 'ingressClassName' },
  'networking.v1.NetworkPolicyList': { required: 'items' },
  'networking.v1.NetworkPolicyPort': { pointer: 'endPort port protocol' },
  'networking.v1.ParentReference': { required: 'name resource' },
  'networking.v1.ServiceCIDRList': { required: 'items' },
  'networking.v1.ServiceCIDRStatus': { merge: 'conditions:type' },
  'node.v1.RuntimeClass': { required: 'handler' },
  'node.v1.RuntimeClassList': { required: 'items' },
  'node.v1.Scheduling': { apply: 'nodeSelector:atomic' },
  'scheduling.v1.PriorityClass': { pointer: 'preemptionPolicy' },
  'scheduling.v1.PriorityClassList': { required: 'items' },
  'authentication.v1.BoundObjectReference': { rename: 'uID:uid' },
  'authentication.v1.TokenRequestSpec': { pointer: 'expirationSeconds' },
  'authentication.v1.TokenReview': { required: 'spec' },
  'authentication.v1.TokenReviewSpec': { required: 'token' },
  'authorization.v1.LocalSubjectAccessReview': { required: 'spec' },
  'authorization.v1.NonResourceRule': { required: 'verbs' },
  'authorization.v1.ResourceRule': { required: 'verbs' },
  'authorization.v1.SelfSubjectAccessReview': { required: 'spec' },
  'authorization.v1.SelfSubjectRulesReview': { required: 'spec' },
  'authorization.v1.SubjectAccessReview': { required: 'spec' },
  'authorization.v1.SubjectAccessReviewStatus': { required: 'allowed' },
  'authorization.v1.SubjectRulesReviewStatus': {
    required: 'incomplete nonResourceRules resourceRules',
  },
  'admissionregistration.v1.AuditAnnotation': { required: 'key valueExpression' },
  'admissionregistration.v1.ExpressionWarning': { required: 'fieldRef warning' },
  'admissionregistration.v1.MatchCondition': { required: 'expression name' },
  'admissionregistration.v1.MatchResources': { pointer: 'matchPolicy' },
  'admissionregistration.v1.MutatingWebhook': {
    pointer: 'failurePolicy matchPolicy reinvocationPolicy sideEffects timeoutSeconds',
    required: 'admissionReviewVersions clientConfig name sideEffects',
    merge: 'matchConditions:name',
  },
  'admissionregistration.v1.MutatingWebhookConfiguration': {
    merge: 'webhooks:name',
    rename: 'Webhooks:webhooks',
  },
  'admissionregistration.v1.MutatingWebhookConfigurationList': { required: 'items' },
  'admissionregistration.v1.NamedRuleWithOperations': { inline: 'ruleWithOperations' },
  'admissionregistration.v1.ParamRef': { pointer: 'parameterNotFoundAction' },
  'admissionregistration.v1.Rule': { pointer: 'scope' },
  'admissionregistration.v1.RuleWithOperations': { inline: 'rule' },
  'admissionregistration.v1.ServiceReference': { pointer: 'path port', required: 'name namespace' },
  'admissionregistration.v1.ValidatingAdmissionPolicyBinding': { required: 'spec' },
  'admissionregistration.v1.ValidatingAdmissionPolicyBindingList': { required: 'items' },
  'admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec': {
    required: 'policyName validationActions',
    apply: 'validationActions:set',
  },
  'admissionregistration.v1.ValidatingAdmissionPolicyList': { required: 'items' },
  'admissionregistration.v1.ValidatingAdmissionPolicySpec': {
    pointer: 'failurePolicy',
    merge: 'matchConditions:name variables:name',
  },
  'admissionregistration.v1.ValidatingAdmissionPolicyStatus': { apply: 'conditions:type' },
  'admissionregistration.v1.ValidatingWebhook': {
    pointer: 'failurePolicy matchPolicy sideEffects timeoutSeconds',
    required: 'admissionReviewVersions clientConfig name sideEffects',
    merge: 'matchConditions:name',
  },
  'admissionregistration.v1.ValidatingWebhookConfiguration': {
    merge: 'webhooks:name',
    rename: 'Webhooks:webhooks',
  },
  'admissionregistration.v1.ValidatingWebhookConfigurationList': { required: 'items' },
  'admissionregistration.v1.Validation': {
    pointer: 'reason',
    required: 'expression',
    rename: 'Expression:expression',
  },
  'admissionregistration.v1.Variable': {
    required: 'expression name',
    rename: 'Expression:expression Name:name',
  },
  'admissionregistration.v1.WebhookClientConfig': { pointer: 'url' },
  'certificates.v1.CertificateSigningRequest': { required: 'spec' },
  'certificates.v1.CertificateSigningRequestCondition': { required: 'status type' },
  'certificates.v1.CertificateSigningRequestList': { required: 'items' },
  'certificates.v1.CertificateSigningRequestSpec': {
    pointer: 'expirationSeconds',
    required: 'request signerName',
  },
  'certificates.v1.CertificateSigningRequestStatus': { apply: 'conditions:type' },
  'autoscaling.v1.CrossVersionObjectReference': { required: 'kind name' },
  'autoscaling.v1.HorizontalPodAutoscaler': { required: 'spec' },
  'autoscaling.v1.HorizontalPodAutoscalerList': { required: 'items' },
  'autoscaling.v1.HorizontalPodAutoscalerSpec': {
    pointer: 'minReplicas targetCPUUtilizationPercentage',
    required: 'maxReplicas scaleTargetRef',
  },
  'autoscaling.v1.HorizontalPodAutoscalerStatus': {
    pointer: 'currentCPUUtilizationPercentage observedGeneration',
    required: 'currentReplicas desiredReplicas',
  },
  'autoscaling.v1.ScaleStatus': { required: 'replicas' },
  'extensions.v1beta1.DeploymentCondition': { required: 'status type' },
  'extensions.v1beta1.DeploymentSpec': {
    pointer: 'progressDeadlineSeconds replicas revisionHistoryLimit',
    required: 'template',
    retainKeys: 'strategy',
  },
  'extensions.v1beta1.DeploymentStatus': {
    pointer: 'collisionCount terminatingReplicas',
    merge: 'conditions:type',
  },
  'extensions.v1beta1.ReplicaSetCondition': { required: 'status type' },
  'extensions.v1beta1.ReplicaSetSpec': { pointer: 'replicas' },
  'extensions.v1beta1.ReplicaSetStatus': {
    pointer: 'terminatingReplicas',
    required: 'replicas',
    merge: 'conditions:type',
  },
  'extensions.v1beta1.RollingUpdateDeployment': { pointer: 'maxSurge maxUnavailable' },
  'meta.v1.Condition': { required: 'lastTransitionTime message reason status type' },
  'meta.v1.DeleteOptions': {
    pointer:
      'gracePeriodSeconds ignoreStoreReadErrorWithClusterBreakingPotential orphanDependents propagationPolicy',
  },
  'meta.v1.FieldSelectorRequirement': { required: 'key operator' },
  'meta.v1.LabelSelectorRequirement': { required: 'key operator' },
  'meta.v1.ListMeta': { pointer: 'remainingItemCount' },
  'meta.v1.ObjectMeta': {
    pointer: 'deletionGracePeriodSeconds',
    merge: 'finalizers ownerReferences:uid',
  },
  'meta.v1.OwnerReference': {
    pointer: 'blockOwnerDeletion controller',
    required: 'apiVersion kind name uid',
  },
  'meta.v1.PatchOptions': { pointer: 'force' },
  'meta.v1.Preconditions': { pointer: 'resourceVersion' },
};
