use super::*;

fn from_json<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("an answer of the engine")
}

#[test]
fn a_network_keeps_all_that_matters() {
    let network = network(from_json(
        r#"{"Name":"x_default","Id":"80cb5a0c07bc","Created":"2026-11-20T23:59:59.5+02:00",
            "Driver":"bridge","IPAM":{"Config":[{"Subnet":"172.22.0.0/16","Gateway":"172.22.0.1"},
            {"Subnet":"fd00::/64","Gateway":"fd00::1/64"},{"Subnet":"nonsense"}]},"Internal":true,
            "Containers":{"b":{"Name":"two","IPv4Address":"172.22.0.3/16","IPv6Address":"",
            "MacAddress":"02:42:ac:16:00:03"},"a":{"Name":"one","IPv4Address":"172.22.0.2/16"}},
            "Options":{"com.docker.network.bridge.name":"mine"},"Labels":{"k":"v"}}"#,
    ))
    .expect("network");
    assert_eq!(network.bridge_name(), "mine");
    assert_eq!(network.subnets.len(), 2);
    assert_eq!(
        network.subnets[1].gateway,
        Some("fd00::1".parse().expect("address"))
    );
    assert_eq!(network.created, Some(Timestamp(1_795_211_999_500_000_000)));
    assert!(network.internal);
    let names: Vec<_> = network
        .endpoints
        .iter()
        .map(|it| &*it.container_name)
        .collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(
        network.endpoints[1].addresses,
        ["172.22.0.3".parse::<IpAddr>().expect("ip")]
    );
    assert_eq!(network.endpoints[0].mac, None);
}

#[test]
fn a_listed_container_goes_by_its_own_name() {
    let container = listed(from_json(
        r#"{"Id":"c1","Names":["/web/alias","/db"],"Image":"pg","State":"running","Labels":null,
            "NetworkSettings":{"Networks":{"x":{"NetworkID":"n1","IPAddress":"172.22.0.2",
            "GlobalIPv6Address":""}}}}"#,
    ))
    .expect("container");
    assert_eq!((&*container.name, &*container.state), ("db", "running"));
    assert_eq!(container.endpoints[0].network, "n1");
    assert_eq!(container.endpoints[0].addresses.len(), 1);
}

#[test]
fn an_inspected_container_says_the_same_as_a_listed_one() {
    let container = container(from_json(
        r#"{"Id":"c1","Name":"/db","Image":"sha256:0","State":{"Status":"exited"},
            "Config":{"Image":"pg","Labels":{"k":"v"}},"NetworkSettings":{"Networks":{"x":{
            "NetworkID":"","IPAddress":""}}}}"#,
    ))
    .expect("container");
    assert_eq!((&*container.name, &*container.image), ("db", "pg"));
    assert_eq!(container.state, "exited");
    assert_eq!(container.endpoints[0].network, "x");
    assert!(container.endpoints[0].addresses.is_empty());
}

#[test]
fn nothing_is_known_of_what_has_no_id() {
    assert_eq!(network(NetworkInspect::default()), None);
    assert_eq!(listed(ContainerSummary::default()), None);
    assert_eq!(container(ContainerInspectResponse::default()), None);
}

#[test]
fn the_year_one_is_no_time() {
    assert_eq!(time("0001-01-01T00:00:00Z"), None);
    assert_eq!(time("yesterday"), None);
}
