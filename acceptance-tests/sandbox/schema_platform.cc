// Types of all other built-in groups: field names, types and list semantics.
// The notation is explained in schema.h; test_against_real.py compares these facts with what a
// real server publishes.

#include "schema_tables.h"

namespace charon::sandbox {

absl::string_view PlatformTypes() {
  return R"(
MutatingAdmissionPolicy
  apiVersion=s kind=s metadata=ObjectMeta spec=MutatingAdmissionPolicySpec+
MutatingAdmissionPolicySpec
  failurePolicy=s? matchConditions=[MatchCondition]!name^name matchConstraints=MatchResources
  mutations=[Mutation] paramKind=ParamKind reinvocationPolicy=s variables=[Variable]
MatchCondition
  expression=s+ name=s+
MatchResources!atomic
  excludeResourceRules=[NamedRuleWithOperations] matchPolicy=s? namespaceSelector=LabelSelector
  objectSelector=LabelSelector resourceRules=[NamedRuleWithOperations]
NamedRuleWithOperations!atomic
  apiGroups=[s] apiVersions=[s] operations=[s] resourceNames=[s] resources=[s] scope=s?
Mutation
  applyConfiguration=ApplyConfiguration jsonPatch=JSONPatch patchType=s+
ApplyConfiguration
  expression=s
JSONPatch
  expression=s
ParamKind!atomic
  apiVersion=s kind=s
Variable!atomic
  expression=s+ name=s+
MutatingAdmissionPolicyBinding
  apiVersion=s kind=s metadata=ObjectMeta spec=MutatingAdmissionPolicyBindingSpec+
MutatingAdmissionPolicyBindingSpec
  matchResources=MatchResources paramRef=ParamRef policyName=s
ParamRef!atomic
  name=s namespace=s parameterNotFoundAction=s? selector=LabelSelector
MutatingWebhookConfiguration
  apiVersion=s kind=s metadata=ObjectMeta webhooks=[MutatingWebhook]!name^name
MutatingWebhook
  admissionReviewVersions=[s]+ clientConfig=admissionregistration.v1.WebhookClientConfig+
  failurePolicy=s? matchConditions=[MatchCondition]!name^name matchPolicy=s? name=s+
  namespaceSelector=LabelSelector objectSelector=LabelSelector reinvocationPolicy=s?
  rules=[RuleWithOperations] sideEffects=s? timeoutSeconds=i?
admissionregistration.v1.WebhookClientConfig
  caBundle=y service=admissionregistration.v1.ServiceReference url=s?
admissionregistration.v1.ServiceReference
  name=s+ namespace=s+ path=s? port=i?
RuleWithOperations
  apiGroups=[s] apiVersions=[s] operations=[s] resources=[s] scope=s?
ValidatingAdmissionPolicy
  apiVersion=s kind=s metadata=ObjectMeta spec=ValidatingAdmissionPolicySpec+
  status=ValidatingAdmissionPolicyStatus+
ValidatingAdmissionPolicySpec
  auditAnnotations=[AuditAnnotation] failurePolicy=s? matchConditions=[MatchCondition]!name^name
  matchConstraints=MatchResources paramKind=ParamKind validations=[Validation]
  variables=[Variable]!name^name
AuditAnnotation
  key=s+ valueExpression=s+
Validation
  expression=s+ message=s messageExpression=s reason=s?
ValidatingAdmissionPolicyStatus
  conditions=[Condition]!type observedGeneration=l typeChecking=TypeChecking
TypeChecking
  expressionWarnings=[ExpressionWarning]
ExpressionWarning
  fieldRef=s+ warning=s+
ValidatingAdmissionPolicyBinding
  apiVersion=s kind=s metadata=ObjectMeta spec=ValidatingAdmissionPolicyBindingSpec+
ValidatingAdmissionPolicyBindingSpec
  matchResources=MatchResources paramRef=ParamRef policyName=s validationActions=[s]!set
ValidatingWebhookConfiguration
  apiVersion=s kind=s metadata=ObjectMeta webhooks=[ValidatingWebhook]!name^name
ValidatingWebhook
  admissionReviewVersions=[s]+ clientConfig=admissionregistration.v1.WebhookClientConfig+
  failurePolicy=s? matchConditions=[MatchCondition]!name^name matchPolicy=s? name=s+
  namespaceSelector=LabelSelector objectSelector=LabelSelector rules=[RuleWithOperations]
  sideEffects=s? timeoutSeconds=i?
SelfSubjectReview
  apiVersion=s kind=s metadata=ObjectMeta status=SelfSubjectReviewStatus+
SelfSubjectReviewStatus
  userInfo=UserInfo+
UserInfo
  extra={[s]} groups=[s] uid=s username=s
authentication.v1.TokenRequest
  apiVersion=s kind=s metadata=ObjectMeta spec=TokenRequestSpec+ status=TokenRequestStatus+
TokenRequestSpec
  audiences=[s]+ boundObjectRef=BoundObjectReference expirationSeconds=l?
BoundObjectReference
  apiVersion=s kind=s name=s uid=s
TokenRequestStatus
  expirationTimestamp=t+ token=s+
TokenReview
  apiVersion=s kind=s metadata=ObjectMeta spec=TokenReviewSpec+ status=TokenReviewStatus+
TokenReviewSpec
  audiences=[s] token=s
TokenReviewStatus
  audiences=[s] authenticated=b error=s user=UserInfo+
LocalSubjectAccessReview
  apiVersion=s kind=s metadata=ObjectMeta spec=SubjectAccessReviewSpec+
  status=SubjectAccessReviewStatus+
SubjectAccessReviewSpec
  extra={[s]} groups=[s] nonResourceAttributes=NonResourceAttributes
  resourceAttributes=ResourceAttributes uid=s user=s
NonResourceAttributes
  path=s verb=s
ResourceAttributes
  fieldSelector=FieldSelectorAttributes group=s labelSelector=LabelSelectorAttributes name=s
  namespace=s resource=s subresource=s verb=s version=s
FieldSelectorAttributes
  rawSelector=s requirements=[FieldSelectorRequirement]
LabelSelectorAttributes
  rawSelector=s requirements=[LabelSelectorRequirement]
SubjectAccessReviewStatus
  allowed=b+ denied=b evaluationError=s reason=s
SelfSubjectAccessReview
  apiVersion=s kind=s metadata=ObjectMeta spec=SelfSubjectAccessReviewSpec+
  status=SubjectAccessReviewStatus+
SelfSubjectAccessReviewSpec
  nonResourceAttributes=NonResourceAttributes resourceAttributes=ResourceAttributes
SelfSubjectRulesReview
  apiVersion=s kind=s metadata=ObjectMeta spec=SelfSubjectRulesReviewSpec+
  status=SubjectRulesReviewStatus+
SelfSubjectRulesReviewSpec
  namespace=s
SubjectRulesReviewStatus
  evaluationError=s incomplete=b+ nonResourceRules=[NonResourceRule]+
  resourceRules=[ResourceRule]+
NonResourceRule
  nonResourceURLs=[s] verbs=[s]+
ResourceRule
  apiGroups=[s] resourceNames=[s] resources=[s] verbs=[s]+
SubjectAccessReview
  apiVersion=s kind=s metadata=ObjectMeta spec=SubjectAccessReviewSpec+
  status=SubjectAccessReviewStatus+
CertificateSigningRequest
  apiVersion=s kind=s metadata=ObjectMeta spec=CertificateSigningRequestSpec+
  status=CertificateSigningRequestStatus+
CertificateSigningRequestSpec
  expirationSeconds=i? extra={[s]} groups=[s] request=y+ signerName=s+ uid=s usages=[s] username=s
CertificateSigningRequestStatus
  certificate=y conditions=[CertificateSigningRequestCondition]!type
CertificateSigningRequestCondition
  lastTransitionTime=t+ lastUpdateTime=t+ message=s reason=s status=s+ type=s+
Lease
  apiVersion=s kind=s metadata=ObjectMeta spec=LeaseSpec+
LeaseSpec
  acquireTime=u? holderIdentity=s? leaseDurationSeconds=i? leaseTransitions=i? preferredHolder=s?
  renewTime=u? strategy=s?
EndpointSlice
  apiVersion=s kind=s metadata=ObjectMeta addressType=s+ endpoints=[Endpoint]+
  ports=[discovery.v1.EndpointPort]+
Endpoint
  addresses=[s]+!set conditions=EndpointConditions+ deprecatedTopology={s} hints=EndpointHints
  hostname=s? nodeName=s? targetRef=ObjectReference zone=s?
EndpointConditions
  ready=b? serving=b? terminating=b?
EndpointHints
  forNodes=[ForNode] forZones=[ForZone]
ForNode
  name=s+
ForZone
  name=s+
discovery.v1.EndpointPort!atomic
  appProtocol=s? name=s? port=i? protocol=s?
events.v1.Event
  apiVersion=s kind=s metadata=ObjectMeta action=s deprecatedCount=i deprecatedFirstTimestamp=t+
  deprecatedLastTimestamp=t+ deprecatedSource=EventSource+ eventTime=u+ note=s reason=s
  regarding=ObjectReference+ related=ObjectReference reportingController=s reportingInstance=s
  series=events.v1.EventSeries type=s
events.v1.EventSeries
  count=i+ lastObservedTime=u+
IPAddress
  apiVersion=s kind=s metadata=ObjectMeta spec=IPAddressSpec+
IPAddressSpec
  parentRef=ParentReference
ParentReference
  group=s name=s namespace=s resource=s
Ingress
  apiVersion=s kind=s metadata=ObjectMeta spec=IngressSpec+ status=IngressStatus+
IngressSpec
  defaultBackend=IngressBackend ingressClassName=s? rules=[IngressRule] tls=[IngressTLS]
IngressBackend
  resource=TypedLocalObjectReference service=IngressServiceBackend
IngressServiceBackend
  name=s+ port=ServiceBackendPort+
ServiceBackendPort!atomic
  name=s number=i
IngressRule
  host=s http=HTTPIngressRuleValue
HTTPIngressRuleValue
  paths=[HTTPIngressPath]+
HTTPIngressPath
  backend=IngressBackend+ path=s pathType=s?
IngressTLS
  hosts=[s] secretName=s
IngressStatus
  loadBalancer=IngressLoadBalancerStatus+
IngressLoadBalancerStatus
  ingress=[IngressLoadBalancerIngress]
IngressLoadBalancerIngress
  hostname=s ip=s ports=[IngressPortStatus]
IngressPortStatus
  error=s? port=i+ protocol=s+
IngressClass
  apiVersion=s kind=s metadata=ObjectMeta spec=IngressClassSpec+
IngressClassSpec
  controller=s parameters=IngressClassParametersReference
IngressClassParametersReference
  apiGroup=s? kind=s+ name=s+ namespace=s? scope=s?
NetworkPolicy
  apiVersion=s kind=s metadata=ObjectMeta spec=NetworkPolicySpec+
NetworkPolicySpec
  egress=[NetworkPolicyEgressRule] ingress=[NetworkPolicyIngressRule] podSelector=LabelSelector+
  policyTypes=[s]
NetworkPolicyEgressRule
  ports=[NetworkPolicyPort] to=[NetworkPolicyPeer]
NetworkPolicyPort
  endPort=i? port=x? protocol=s?
NetworkPolicyPeer
  ipBlock=IPBlock namespaceSelector=LabelSelector podSelector=LabelSelector
IPBlock
  cidr=s+ except=[s]
NetworkPolicyIngressRule
  from=[NetworkPolicyPeer] ports=[NetworkPolicyPort]
ServiceCIDR
  apiVersion=s kind=s metadata=ObjectMeta spec=ServiceCIDRSpec+ status=ServiceCIDRStatus+
ServiceCIDRSpec
  cidrs=[s]
ServiceCIDRStatus
  conditions=[Condition]!type^type
RuntimeClass
  apiVersion=s kind=s metadata=ObjectMeta handler=s+ overhead=Overhead scheduling=Scheduling
Overhead
  podFixed={q}
Scheduling
  nodeSelector={s}!atomic tolerations=[Toleration]
ClusterRole
  apiVersion=s kind=s metadata=ObjectMeta aggregationRule=AggregationRule rules=[PolicyRule]+
AggregationRule
  clusterRoleSelectors=[LabelSelector]
PolicyRule
  apiGroups=[s] nonResourceURLs=[s] resourceNames=[s] resources=[s] verbs=[s]+
ClusterRoleBinding
  apiVersion=s kind=s metadata=ObjectMeta roleRef=RoleRef+ subjects=[Subject]
RoleRef!atomic
  apiGroup=s+ kind=s+ name=s+
Subject!atomic
  apiGroup=s kind=s+ name=s+ namespace=s
Role
  apiVersion=s kind=s metadata=ObjectMeta rules=[PolicyRule]+
RoleBinding
  apiVersion=s kind=s metadata=ObjectMeta roleRef=RoleRef+ subjects=[Subject]
PriorityClass
  apiVersion=s kind=s metadata=ObjectMeta description=s globalDefault=b preemptionPolicy=s?
  value=i+
CSIDriver
  apiVersion=s kind=s metadata=ObjectMeta spec=CSIDriverSpec+
CSIDriverSpec
  attachRequired=b? fsGroupPolicy=s? nodeAllocatableUpdatePeriodSeconds=l? podInfoOnMount=b?
  preventPodSchedulingIfMissing=b? requiresRepublish=b? seLinuxMount=b?
  serviceAccountTokenInSecrets=b? storageCapacity=b? tokenRequests=[storage.v1.TokenRequest]
  volumeLifecycleModes=[s]!set
storage.v1.TokenRequest
  audience=s+ expirationSeconds=l?
CSINode
  apiVersion=s kind=s metadata=ObjectMeta spec=CSINodeSpec+
CSINodeSpec
  drivers=[CSINodeDriver]+!name^name
CSINodeDriver
  allocatable=VolumeNodeResources name=s+ nodeID=s+ topologyKeys=[s]+
VolumeNodeResources
  count=i?
CSIStorageCapacity
  apiVersion=s kind=s metadata=ObjectMeta capacity=q? maximumVolumeSize=q?
  nodeTopology=LabelSelector storageClassName=s+
StorageClass
  apiVersion=s kind=s metadata=ObjectMeta allowVolumeExpansion=b?
  allowedTopologies=[TopologySelectorTerm] mountOptions=[s] parameters={s} provisioner=s+
  reclaimPolicy=s? volumeBindingMode=s?
VolumeAttachment
  apiVersion=s kind=s metadata=ObjectMeta spec=VolumeAttachmentSpec+
  status=VolumeAttachmentStatus+
VolumeAttachmentSpec
  attacher=s+ nodeName=s+ source=VolumeAttachmentSource+
VolumeAttachmentSource
  inlineVolumeSpec=PersistentVolumeSpec persistentVolumeName=s?
VolumeAttachmentStatus
  attachError=VolumeError attached=b+ attachmentMetadata={s} detachError=VolumeError
VolumeError
  errorCode=i? message=s time=t+
VolumeAttributesClass
  apiVersion=s kind=s metadata=ObjectMeta driverName=s+ parameters={s}
CustomResourceDefinition
  apiVersion=s kind=s metadata=ObjectMeta spec=CustomResourceDefinitionSpec+
  status=CustomResourceDefinitionStatus+
CustomResourceDefinitionSpec
  conversion=CustomResourceConversion group=s+ names=CustomResourceDefinitionNames+
  preserveUnknownFields=b scope=s+ versions=[CustomResourceDefinitionVersion]+
CustomResourceConversion
  strategy=s+ webhook=WebhookConversion
WebhookConversion
  clientConfig=apiextensions.v1.WebhookClientConfig conversionReviewVersions=[s]+
apiextensions.v1.WebhookClientConfig
  caBundle=y service=apiextensions.v1.ServiceReference url=s?
apiextensions.v1.ServiceReference
  name=s+ namespace=s+ path=s? port=i?
CustomResourceDefinitionNames
  categories=[s] kind=s+ listKind=s plural=s+ shortNames=[s] singular=s
CustomResourceDefinitionVersion
  additionalPrinterColumns=[CustomResourceColumnDefinition] deprecated=b deprecationWarning=s?
  name=s+ schema=CustomResourceValidation selectableFields=[SelectableField] served=b+ storage=b+
  subresources=CustomResourceSubresources
CustomResourceColumnDefinition
  description=s format=s jsonPath=s+ name=s+ priority=i type=s+
CustomResourceValidation
  openAPIV3Schema=JSONSchemaProps
JSONSchemaProps
  $ref=s? $schema=s additionalItems=*? additionalProperties=*? allOf=[JSONSchemaProps]
  anyOf=[JSONSchemaProps] default=*? definitions={JSONSchemaProps} dependencies={*} description=s
  enum=[*] example=*? exclusiveMaximum=b exclusiveMinimum=b externalDocs=ExternalDocumentation
  format=s id=s items=*? maxItems=l? maxLength=l? maxProperties=l? maximum=n? minItems=l?
  minLength=l? minProperties=l? minimum=n? multipleOf=n? not=JSONSchemaProps nullable=b
  oneOf=[JSONSchemaProps] pattern=s patternProperties={JSONSchemaProps}
  properties={JSONSchemaProps} required=[s] title=s type=s uniqueItems=b
  x-kubernetes-embedded-resource=b x-kubernetes-int-or-string=b x-kubernetes-list-map-keys=[s]
  x-kubernetes-list-type=s? x-kubernetes-map-type=s? x-kubernetes-preserve-unknown-fields=b?
  x-kubernetes-validations=[ValidationRule]!rule^rule
ExternalDocumentation
  description=s url=s
ValidationRule
  fieldPath=s message=s messageExpression=s optionalOldSelf=b? reason=s? rule=s+
SelectableField
  jsonPath=s+
CustomResourceSubresources
  scale=CustomResourceSubresourceScale status=*?
CustomResourceSubresourceScale
  labelSelectorPath=s? specReplicasPath=s+ statusReplicasPath=s+
CustomResourceDefinitionStatus
  acceptedNames=CustomResourceDefinitionNames+
  conditions=[CustomResourceDefinitionCondition]+!type observedGeneration=l storedVersions=[s]+
CustomResourceDefinitionCondition
  lastTransitionTime=t+ message=s observedGeneration=l reason=s status=s+ type=s+
APIService
  apiVersion=s kind=s metadata=ObjectMeta spec=APIServiceSpec+ status=APIServiceStatus+
APIServiceSpec
  caBundle=y group=s groupPriorityMinimum=i+ insecureSkipTLSVerify=b
  service=apiregistration.v1.ServiceReference version=s versionPriority=i+
apiregistration.v1.ServiceReference
  name=s namespace=s port=i?
APIServiceStatus
  conditions=[APIServiceCondition]!type^type
APIServiceCondition
  lastTransitionTime=t+ message=s reason=s status=s+ type=s+
)";
}

}  // namespace charon::sandbox
