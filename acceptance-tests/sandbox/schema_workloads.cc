// Types of apps, batch, autoscaling and policy: field names, types and list semantics.
// The notation is explained in schema.h; test_against_real.py compares these facts with what a
// real server publishes.

#include "schema_tables.h"

namespace charon::sandbox {

absl::string_view WorkloadTypes() {
  return R"(
ControllerRevision
  apiVersion=s kind=s metadata=ObjectMeta data=* revision=l+
DaemonSet
  apiVersion=s kind=s metadata=ObjectMeta spec=DaemonSetSpec+ status=DaemonSetStatus+
DaemonSetSpec
  minReadySeconds=i revisionHistoryLimit=i? selector=LabelSelector template=PodTemplateSpec+
  updateStrategy=DaemonSetUpdateStrategy+
DaemonSetUpdateStrategy
  rollingUpdate=RollingUpdateDaemonSet type=s
RollingUpdateDaemonSet
  maxSurge=x? maxUnavailable=x?
DaemonSetStatus
  collisionCount=i? conditions=[DaemonSetCondition]!type^type currentNumberScheduled=i+
  desiredNumberScheduled=i+ numberAvailable=i numberMisscheduled=i+ numberReady=i+
  numberUnavailable=i observedGeneration=l updatedNumberScheduled=i
DaemonSetCondition
  lastTransitionTime=t+ message=s reason=s status=s+ type=s+
Deployment
  apiVersion=s kind=s metadata=ObjectMeta spec=DeploymentSpec+ status=DeploymentStatus+
DeploymentSpec
  minReadySeconds=i paused=b progressDeadlineSeconds=i? replicas=i? revisionHistoryLimit=i?
  selector=LabelSelector strategy=DeploymentStrategy+~ template=PodTemplateSpec+
DeploymentStrategy
  rollingUpdate=RollingUpdateDeployment type=s
RollingUpdateDeployment
  maxSurge=x? maxUnavailable=x?
DeploymentStatus
  availableReplicas=i collisionCount=i? conditions=[DeploymentCondition]!type^type
  observedGeneration=l readyReplicas=i replicas=i terminatingReplicas=i? unavailableReplicas=i
  updatedReplicas=i
DeploymentCondition
  lastTransitionTime=t+ lastUpdateTime=t+ message=s reason=s status=s+ type=s+
ReplicaSet
  apiVersion=s kind=s metadata=ObjectMeta spec=ReplicaSetSpec+ status=ReplicaSetStatus+
ReplicaSetSpec
  minReadySeconds=i replicas=i? selector=LabelSelector template=PodTemplateSpec+
ReplicaSetStatus
  availableReplicas=i conditions=[ReplicaSetCondition]!type^type fullyLabeledReplicas=i
  observedGeneration=l readyReplicas=i replicas=i+ terminatingReplicas=i?
ReplicaSetCondition
  lastTransitionTime=t+ message=s reason=s status=s+ type=s+
StatefulSet
  apiVersion=s kind=s metadata=ObjectMeta spec=StatefulSetSpec+ status=StatefulSetStatus+
StatefulSetSpec
  minReadySeconds=i ordinals=StatefulSetOrdinals
  persistentVolumeClaimRetentionPolicy=StatefulSetPersistentVolumeClaimRetentionPolicy
  podManagementPolicy=s replicas=i? revisionHistoryLimit=i? selector=LabelSelector serviceName=s+
  template=PodTemplateSpec+ updateStrategy=StatefulSetUpdateStrategy+
  volumeClaimTemplates=[PersistentVolumeClaim]
StatefulSetOrdinals
  start=i+
StatefulSetPersistentVolumeClaimRetentionPolicy
  whenDeleted=s whenScaled=s
StatefulSetUpdateStrategy
  rollingUpdate=RollingUpdateStatefulSetStrategy type=s
RollingUpdateStatefulSetStrategy
  maxUnavailable=x? partition=i?
StatefulSetStatus
  availableReplicas=i+ collisionCount=i? conditions=[StatefulSetCondition]!type^type
  currentReplicas=i currentRevision=s observedGeneration=l readyReplicas=i replicas=i+
  updateRevision=s updatedReplicas=i
StatefulSetCondition
  lastTransitionTime=t+ message=s reason=s status=s+ type=s+
autoscaling.v1.HorizontalPodAutoscaler
  apiVersion=s kind=s metadata=ObjectMeta spec=autoscaling.v1.HorizontalPodAutoscalerSpec+
  status=autoscaling.v1.HorizontalPodAutoscalerStatus+
autoscaling.v1.HorizontalPodAutoscalerSpec
  maxReplicas=i+ minReplicas=i? scaleTargetRef=autoscaling.v1.CrossVersionObjectReference+
  targetCPUUtilizationPercentage=i?
autoscaling.v1.CrossVersionObjectReference!atomic
  apiVersion=s kind=s+ name=s+
autoscaling.v1.HorizontalPodAutoscalerStatus
  currentCPUUtilizationPercentage=i? currentReplicas=i+ desiredReplicas=i+ lastScaleTime=t?
  observedGeneration=l?
Scale
  apiVersion=s kind=s metadata=ObjectMeta spec=ScaleSpec+ status=ScaleStatus+
ScaleSpec
  replicas=i
ScaleStatus
  replicas=i+ selector=s
autoscaling.v2.HorizontalPodAutoscaler
  apiVersion=s kind=s metadata=ObjectMeta spec=autoscaling.v2.HorizontalPodAutoscalerSpec+
  status=autoscaling.v2.HorizontalPodAutoscalerStatus+
autoscaling.v2.HorizontalPodAutoscalerSpec
  behavior=HorizontalPodAutoscalerBehavior maxReplicas=i+ metrics=[MetricSpec] minReplicas=i?
  scaleTargetRef=autoscaling.v2.CrossVersionObjectReference+
HorizontalPodAutoscalerBehavior
  scaleDown=HPAScalingRules scaleUp=HPAScalingRules
HPAScalingRules
  policies=[HPAScalingPolicy] selectPolicy=s? stabilizationWindowSeconds=i? tolerance=q?
HPAScalingPolicy
  periodSeconds=i+ type=s+ value=i+
MetricSpec
  containerResource=ContainerResourceMetricSource external=ExternalMetricSource
  object=ObjectMetricSource pods=PodsMetricSource resource=ResourceMetricSource type=s+
ContainerResourceMetricSource
  container=s+ name=s+ target=MetricTarget+
MetricTarget
  averageUtilization=i? averageValue=q? type=s+ value=q?
ExternalMetricSource
  metric=MetricIdentifier+ target=MetricTarget+
MetricIdentifier
  name=s+ selector=LabelSelector
ObjectMetricSource
  describedObject=autoscaling.v2.CrossVersionObjectReference+ metric=MetricIdentifier+
  target=MetricTarget+
autoscaling.v2.CrossVersionObjectReference
  apiVersion=s kind=s+ name=s+
PodsMetricSource
  metric=MetricIdentifier+ target=MetricTarget+
ResourceMetricSource
  name=s+ target=MetricTarget+
autoscaling.v2.HorizontalPodAutoscalerStatus
  conditions=[HorizontalPodAutoscalerCondition]!type^type currentMetrics=[MetricStatus]+
  currentReplicas=i desiredReplicas=i+ lastScaleTime=t? observedGeneration=l?
HorizontalPodAutoscalerCondition
  lastTransitionTime=t+ message=s reason=s status=s+ type=s+
MetricStatus
  containerResource=ContainerResourceMetricStatus external=ExternalMetricStatus
  object=ObjectMetricStatus pods=PodsMetricStatus resource=ResourceMetricStatus type=s+
ContainerResourceMetricStatus
  container=s+ current=MetricValueStatus+ name=s+
MetricValueStatus
  averageUtilization=i? averageValue=q? value=q?
ExternalMetricStatus
  current=MetricValueStatus+ metric=MetricIdentifier+
ObjectMetricStatus
  current=MetricValueStatus+ describedObject=autoscaling.v2.CrossVersionObjectReference+
  metric=MetricIdentifier+
PodsMetricStatus
  current=MetricValueStatus+ metric=MetricIdentifier+
ResourceMetricStatus
  current=MetricValueStatus+ name=s+
CronJob
  apiVersion=s kind=s metadata=ObjectMeta spec=CronJobSpec+ status=CronJobStatus+
CronJobSpec
  concurrencyPolicy=s failedJobsHistoryLimit=i? jobTemplate=JobTemplateSpec+ schedule=s+
  startingDeadlineSeconds=l? successfulJobsHistoryLimit=i? suspend=b? timeZone=s?
JobTemplateSpec
  metadata=ObjectMeta+ spec=JobSpec+
JobSpec
  activeDeadlineSeconds=l? backoffLimit=i? backoffLimitPerIndex=i? completionMode=s?
  completions=i? managedBy=s? manualSelector=b? maxFailedIndexes=i? parallelism=i?
  podFailurePolicy=PodFailurePolicy podReplacementPolicy=s? selector=LabelSelector
  successPolicy=SuccessPolicy suspend=b? template=PodTemplateSpec+ ttlSecondsAfterFinished=i?
PodFailurePolicy
  rules=[PodFailurePolicyRule]+
PodFailurePolicyRule
  action=s+ onExitCodes=PodFailurePolicyOnExitCodesRequirement
  onPodConditions=[PodFailurePolicyOnPodConditionsPattern]
PodFailurePolicyOnExitCodesRequirement
  containerName=s? operator=s+ values=[i]+!set
PodFailurePolicyOnPodConditionsPattern
  status=s+ type=s+
SuccessPolicy
  rules=[SuccessPolicyRule]+
SuccessPolicyRule
  succeededCount=i? succeededIndexes=s?
CronJobStatus
  active=[ObjectReference] lastScheduleTime=t? lastSuccessfulTime=t?
Job
  apiVersion=s kind=s metadata=ObjectMeta spec=JobSpec+ status=JobStatus+
JobStatus
  active=i completedIndexes=s completionTime=t? conditions=[JobCondition]^type failed=i
  failedIndexes=s? ready=i? startTime=t? succeeded=i terminating=i?
  uncountedTerminatedPods=UncountedTerminatedPods
JobCondition
  lastProbeTime=t+ lastTransitionTime=t+ message=s reason=s status=s+ type=s+
UncountedTerminatedPods
  failed=[s]!set succeeded=[s]!set
Eviction
  apiVersion=s kind=s metadata=ObjectMeta deleteOptions=DeleteOptions
PodDisruptionBudget
  apiVersion=s kind=s metadata=ObjectMeta spec=PodDisruptionBudgetSpec+
  status=PodDisruptionBudgetStatus+
PodDisruptionBudgetSpec
  maxUnavailable=x? minAvailable=x? selector=LabelSelector unhealthyPodEvictionPolicy=s?
PodDisruptionBudgetStatus
  conditions=[Condition]!type^type currentHealthy=i+ desiredHealthy=i+ disruptedPods={t}
  disruptionsAllowed=i+ expectedPods=i+ observedGeneration=l
)";
}

}  // namespace charon::sandbox
