use proptest::prelude::*;

use super::*;

fn node(id: u64, parent: u64, start: u64, end: u64) -> Node {
    let id_of = |id: u64| SpanId::from_bytes(id.to_be_bytes());
    Node { id: id_of(id), parent: id_of(parent), start, end }
}

/// The rows as text: depth, id, own time.
fn drawn(nodes: &[Node]) -> String {
    let row = |row: &Row| {
        let id = u64::from_be_bytes(nodes[row.index].id.to_bytes());
        let end = if row.place == Place::Last { "." } else { "" };
        let missing = if row.parentage == Parentage::Missing { "?" } else { "" };
        format!("{}{id}{missing}{end}={}", "-".repeat(row.depth), row.own)
    };
    rows(nodes).iter().map(row).collect::<Vec<_>>().join(" ")
}

#[test]
fn children_follow_their_parent_in_order_of_time() {
    let nodes = [node(3, 1, 60, 90), node(2, 1, 10, 50), node(4, 2, 20, 30), node(1, 0, 0, 100)];
    assert_eq!(drawn(&nodes), "1.=30 -2=30 --4.=10 -3.=30");
}

#[test]
fn overlapping_children_are_counted_once_and_only_within_their_parent() {
    let nodes = [node(1, 0, 0, 100), node(2, 1, 10, 60), node(3, 1, 20, 40), node(4, 1, 50, 150)];
    assert_eq!(drawn(&nodes), "1.=10 -2=50 -3=20 -4.=100");
}

#[test]
fn a_span_without_its_parent_is_a_root_that_says_so() {
    assert_eq!(drawn(&[node(2, 9, 5, 6), node(1, 0, 0, 10)]), "1=10 2?.=1");
}

#[test]
fn circles_and_doubles_are_drawn_once() {
    assert_eq!(drawn(&[node(1, 2, 0, 4), node(2, 1, 1, 3)]), "1?.=2 -2.=0");
    assert_eq!(drawn(&[node(1, 1, 0, 4)]), "1?.=4");
    assert_eq!(drawn(&[node(1, 0, 0, 4), node(1, 0, 1, 2), node(2, 1, 2, 3)]), "1=3 -2.=1 1.=1");
}

proptest! {
    #[test]
    fn every_node_is_in_the_tree_once(shape in prop::collection::vec((0_u64..12, 0_u64..12, any::<u64>(), any::<u64>()), 0..40)) {
        let nodes: Vec<Node> = shape.iter().map(|&(id, parent, start, end)| node(id, parent, start, end)).collect();
        let rows = rows(&nodes);
        let mut indices: Vec<_> = rows.iter().map(|row| row.index).collect();
        indices.sort_unstable();
        prop_assert_eq!(indices, (0..nodes.len()).collect::<Vec<_>>());
        prop_assert!(rows.windows(2).all(|pair| pair[1].depth <= pair[0].depth + 1));
        prop_assert!(rows.iter().all(|row| row.own <= nodes[row.index].end.saturating_sub(nodes[row.index].start)));
    }
}
