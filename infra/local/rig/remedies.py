"""What the emulator accepts from the template but does not do, done after the deploy; the one place for it."""

from .emulator import Emulator


def apply(emulator: Emulator, template: dict, resources: dict[str, str], parameters: dict[str, str]) -> None:
    """Mends recursion settings, numbers of event source mappings, time to live of table items, generated secrets."""
    functions, dynamodb = emulator.client("lambda"), emulator.client("dynamodb")
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            if "RecursiveLoop" in properties:
                functions.put_function_recursion_config(FunctionName=resources[name], RecursiveLoop=properties["RecursiveLoop"])
            for event, source in properties.get("Events", {}).items():
                if source["Type"] == "SQS":
                    _mend_concurrency(functions, mappings, resources, source["Properties"], template, parameters)
        elif resource["Type"] == "AWS::DynamoDB::Table" and "TimeToLiveSpecification" in properties:
            dynamodb.update_time_to_live(TableName=resources[name], TimeToLiveSpecification=properties["TimeToLiveSpecification"])
        elif resource["Type"] == "AWS::SecretsManager::Secret" and "GenerateSecretString" in properties:
            _mend_secret(emulator.client("secretsmanager"), resources[name], properties["GenerateSecretString"])


def _mend_concurrency(functions, mappings, resources, source, template, parameters) -> None:
    """Gives the mapping its concurrency as a number; a parameter arrives as a string, which stops its poller."""
    limit = source.get("ScalingConfig", {}).get("MaximumConcurrency")
    if limit is None:
        return
    if isinstance(limit, dict):
        limit = parameters.get(limit["Ref"], template["Parameters"][limit["Ref"]].get("Default"))
    queue = resources[source["Queue"]["Fn::GetAtt"][0]].rsplit("/", 1)[-1]
    for mapping in mappings:
        if mapping["EventSourceArn"].rsplit(":", 1)[-1] == queue:
            functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": int(limit)})


def _mend_secret(secrets, secret: str, wanted: dict) -> None:
    """Generates the secret again; the rules for its characters were passed over."""
    made = secrets.get_random_password(PasswordLength=wanted["PasswordLength"], ExcludePunctuation=wanted.get("ExcludePunctuation", False))
    secrets.put_secret_value(SecretId=secret, SecretString=made["RandomPassword"])
